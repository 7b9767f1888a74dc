import type { IncomingMessage, ServerResponse } from "node:http";
import { fromUtf8, PortcullisError } from "@portcullis/protocol";
import { CustodianError } from "./errors.ts";

const LONGEST_BODY_BYTES = 1024 * 1024;

/** The body as JSON; undefined when there is none. @throws CustodianError CUSTODIAN_REQUEST */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > LONGEST_BODY_BYTES)
      throw new CustodianError("CUSTODIAN_REQUEST", { longest: LONGEST_BODY_BYTES });
    chunks.push(chunk);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(Buffer.concat(chunks))) as unknown;
  } catch {
    throw new CustodianError("CUSTODIAN_REQUEST", { body: "not JSON" });
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { "content-type": "application/json", "cache-control": "no-store" })
    .end(JSON.stringify(body));
}

/** Codes to HTTP status, in one place; every other code of ours is a refusal of what was asked: 409. */
const statuses: Readonly<Record<string, number>> = {
  CUSTODIAN_ADMIN_TOKEN: 401,
  CUSTODIAN_ROUTE: 404,
  CUSTODIAN_CEREMONY: 404,
  CUSTODIAN_ORDER_UNKNOWN: 404,
  CUSTODIAN_REQUEST: 400,
  CUSTODIAN_SERVER: 502,
};

/** A fault of ours shows no more than that it is one. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof PortcullisError) {
    const { code, message, facts } = error as PortcullisError;
    const status = statuses[code] ?? (code.startsWith("DECODE_") ? 400 : 409);
    sendJson(response, status, { code, message, facts });
  } else {
    sendJson(response, 500, { code: "INTERNAL", message: "INTERNAL: The custodian failed.", facts: {} });
  }
}
