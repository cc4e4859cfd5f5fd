/** The columns of the sales data, for plans of Millrace. */
export const salesSchema = {
  transaction_id: "utf8",
  customer_id: "utf8",
  product_id: "utf8",
  quantity: "int32",
  unit_price: "float64",
  transaction_date: "timestamp",
  store_id: "utf8",
} as const;
