/** Whether this code runs from the bundles of the package rather than module by module. */
export const bundled = /\/dist\/run\/[^/]+$/.test(new URL(import.meta.url).pathname);

/** A file that belongs to the code: in its folder among the modules, beside everything else in the bundles of the package. */
export const beside = (folder: string, name: string): URL =>
  new URL(bundled ? `./${name}` : `../${folder}/${name}`, import.meta.url);
