/** The part of amaro that is used here; the package brings no types. */
declare module "amaro" {
  const amaro: {
    transformSync(source: string, options: { readonly mode: "strip-only" }): { readonly code: string };
  };
  export default amaro;
}
