import { Engine, type EngineOptions } from "millrace";

/** Engines by their options, each made once and kept until `close`. */
export function engineCache(defaults: () => EngineOptions) {
  const engines = new Map<string, Engine>();
  return {
    async with(options: EngineOptions): Promise<Engine> {
      const name = JSON.stringify(options);
      const known = engines.get(name);
      if (known !== undefined) return known;
      const made = await Engine.create({ ...defaults(), ...options });
      engines.set(name, made);
      return made;
    },
    async close(): Promise<void> {
      await Promise.all([...engines.values()].map((engine) => engine.close()));
    },
  };
}
