import { PortcullisError } from "@portcullis/protocol";

/** What `custodian` throws, with the sentence that docs/errors.md and the message share. */
export const custodianErrors = {
  CUSTODIAN_USAGE: "The custodian was not started with the options that it needs.",
  CUSTODIAN_FILE: "A file of the custodian's data directory is damaged or missing.",
  CUSTODIAN_ADMIN_TOKEN: "The call does not carry this custodian's admin token.",
  CUSTODIAN_ROUTE: "The custodian has no such route.",
  CUSTODIAN_REQUEST: "The body of the request is not what the route takes.",
  CUSTODIAN_POLICY_MISSING: "The custodian has no policy yet.",
  CUSTODIAN_POLICY_UNSIGNED: "This custodian did not sign that policy.",
  CUSTODIAN_POLICY_SET: "The custodian serves another policy already.",
  CUSTODIAN_POLICY_NOT_NAMED: "The policy does not name this custodian with its key.",
  CUSTODIAN_CEREMONY: "The custodian takes part in no ceremony of that id.",
  CUSTODIAN_ORDER_UNKNOWN: "The ledger, as far as this custodian has read it, holds no such order.",
  CUSTODIAN_REFUSED: "The person who decides has refused that order.",
  CUSTODIAN_DECIDED: "The order is approved already: it can no longer be refused.",
  CUSTODIAN_SERVER: "The server did not do what the custodian asked of it.",
  CUSTODIAN_PEER: "A custodian did not answer the coordinator as it should.",
} as const;

export type CustodianErrorCode = keyof typeof custodianErrors;

export class CustodianError extends PortcullisError<CustodianErrorCode> {
  constructor(code: CustodianErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, custodianErrors[code], facts);
  }
}
