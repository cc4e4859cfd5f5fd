import { required } from "../common/assert.js";
import type { BoundNode, JoinOutput } from "../plan/bound.js";
import { carryOrder, type QueryBuilder, type Rel, type Selected, selectList } from "./builder.js";
import { sqlNames } from "./names.js";
import { ascending, type OrderTerm, ordersByRight } from "./order.js";

type JoinNode = Extract<BoundNode, { readonly kind: "join" }>;

const spelling = { inner: "INNER", left: "LEFT", right: "RIGHT", full: "FULL", semi: "SEMI", anti: "ANTI" } as const;

/** A join: null keys match nothing. Order: left rows, then right rows; right rows without a match come last. */
export function joinRel(builder: QueryBuilder, node: JoinNode): Rel {
  const left = builder.relation(node.left);
  const right = builder.relation(node.right);
  const wanted = builder.wantsOrder(node);
  const leftOnly = node.how === "semi" || node.how === "anti";
  const unmatchedRight = wanted && (node.how === "right" || node.how === "full");
  const names = sqlNames(node.schema);
  const l = (index: number) => `l.${required(left.columns[index], "column")}`;
  const r = (index: number) => `r.${required(right.columns[index], "column")}`;
  const columns = node.output.map((output, i): Selected => ({ sql: outputSql(output, l, r), name: required(names[i], "name") }));
  const present = builder.hidden();
  const terms: OrderTerm[] = [];
  if (unmatchedRight) terms.push(ascending(`(l.${present} IS NULL)`));
  if (wanted) {
    terms.push(...left.order.map((term) => ({ ...term, column: `l.${term.column}`, position: false })));
    if (ordersByRight(node)) terms.push(...right.order.map((term) => ({ ...term, column: `r.${term.column}`, position: false })));
  }
  const { list, order } = carryOrder(builder, columns, terms);
  const equals = node.groups === true ? "IS NOT DISTINCT FROM" : "=";
  const on = node.on.map((pair) => `${l(pair.left)} ${equals} ${r(pair.right)}`).join(" AND ") || "TRUE";
  const leftFrom = unmatchedRight ? `(SELECT *, TRUE AS ${present} FROM ${left.from})` : left.from;
  const sql = `SELECT ${selectList(list)}\nFROM ${leftFrom} AS l\n${spelling[node.how]} JOIN ${right.from} AS r ON ${on}`;
  const single = leftOnly && order.length === 1;
  return {
    from: builder.define(sql, [left, right]),
    columns: names,
    order: single ? order.map((term, i) => ({ ...term, position: left.order[i]?.position ?? false })) : order,
  };
}

function outputSql(output: JoinOutput, l: (index: number) => string, r: (index: number) => string): string {
  if (output.side === "coalesce") return `coalesce(${l(output.left)}, ${r(output.right)})`;
  return output.side === "left" ? l(output.index) : r(output.index);
}
