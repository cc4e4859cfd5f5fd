import { runSweep } from "./child.ts";

/** `npm run faults`: lets every operation of the file system fail in turn. Arguments are those of `sweep.ts`; without any it takes about half an hour. */
const { status, output } = await runSweep(process.argv.slice(2));
process.stdout.write(output);
process.exitCode = status ?? 1;
