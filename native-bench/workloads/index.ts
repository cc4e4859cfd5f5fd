import type { Workload } from "../workload.ts";
import { workload as brc } from "./brc.ts";
import { workload as csvChecks } from "./csv-checks.ts";
import { workload as csvDirty } from "./csv-dirty.ts";
import { workload as csvFilterParquet } from "./csv-filter-parquet.ts";
import { workload as csvGroupCustomer } from "./csv-group-customer.ts";
import { workload as csvGroupStore } from "./csv-group-store.ts";
import { workload as csvManyFiles } from "./csv-many-files.ts";
import { workload as csvRejects } from "./csv-rejects.ts";
import { workload as csvSafety } from "./csv-safety.ts";
import { workload as csvStringUdf } from "./csv-string-udf.ts";
import { workload as csvUdfParquet } from "./csv-udf-parquet.ts";
import { workload as csvUdfSum } from "./csv-udf-sum.ts";
import { workload as jsonlGroup } from "./jsonl-group.ts";
import { workload as mainJob } from "./main-job.ts";
import { workload as parquetGroup } from "./parquet-group.ts";
import { workload as parquetJoin } from "./parquet-join.ts";
import { workload as parquetTopk } from "./parquet-topk.ts";

/** All workloads, in the order of the table. */
export const workloads: readonly Workload[] = [
  csvGroupStore,
  csvGroupCustomer,
  csvManyFiles,
  csvFilterParquet,
  csvUdfParquet,
  csvUdfSum,
  csvStringUdf,
  csvDirty,
  csvRejects,
  csvChecks,
  csvSafety,
  brc,
  jsonlGroup,
  parquetGroup,
  parquetJoin,
  parquetTopk,
  mainJob,
];
