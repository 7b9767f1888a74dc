export type { PublicKeys } from "./admin-api.ts";
export {
  custodianKeys,
  runCeremony,
  signPolicyTogether,
  type CeremonyRequest,
  type CustodianAddress,
} from "./coordinator.ts";
export { CustodianError, custodianErrors, type CustodianErrorCode } from "./errors.ts";
export { parseOptions } from "./options.ts";
export type { OrdersView, OrderView, ReviewSummary } from "./order-desk.ts";
export { runCustodian, type CustodianOptions, type RunningCustodian } from "./run-custodian.ts";
