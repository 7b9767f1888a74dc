import type { IncomingMessage, ServerResponse } from "node:http";
import type { CeremonyTerms, Policy } from "@portcullis/access";
import { constantTimeEqual } from "@portcullis/crypto";
import { asOrderHash, fromBase64Url, utf8, type OrderHash } from "@portcullis/protocol";
import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import type { Ceremonies } from "./ceremonies.ts";
import type { CustodianHost } from "./custodian-host.ts";
import { CustodianError } from "./errors.ts";
import { readJson, sendError, sendJson } from "./http.ts";
import type { OrderDesk } from "./order-desk.ts";

export interface AdminApiOptions {
  readonly host: CustodianHost;
  readonly ceremonies: Ceremonies;
  readonly desk: OrderDesk;
  readonly adminToken: string;
  /** What anybody may know: id and public keys. */
  readonly publicKeys: PublicKeys;
  /** The policy is there: what waits for it can begin. */
  readonly policyAdopted: () => Promise<void>;
}

/** GET /v1/keys */
export interface PublicKeys {
  readonly id: string;
  /** 32 bytes, base64url: the key for the policy. */
  readonly identityKey: string;
  /** The verifier key of this custodian's cosignatures, as a line. */
  readonly cosignerKey: string;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly open?: true;
  readonly answer: (parameter: string, body: unknown) => unknown;
}

const Messages = Type.Object(
  { messages: Type.Array(Type.String({ maxLength: 512 * 1024 }), { minItems: 1, maxItems: 32 }) },
  { additionalProperties: false },
);
const Begin = Type.Object(
  { id: Type.String(), quorum: Type.String(), from: Type.String(), to: Type.String() },
  { additionalProperties: false },
);
/** What a policy holds is for access to judge. */
const SignPolicy = Type.Object({ policy: Type.Object({}) }, { additionalProperties: false });
const AdoptPolicy = Type.Object({ jws: Type.String() }, { additionalProperties: false });

/** For the person who decides, and for the coordinator of a ceremony who was given the token. Loopback only. */
export function adminApi(
  options: AdminApiOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const routes = routesOf(options);
  return async (request, response) => {
    try {
      const { route, parameter } = find(routes, request);
      if (route.open !== true) authorize(request, options.adminToken);
      sendJson(response, 200, await route.answer(parameter, await readJson(request)));
    } catch (error) {
      sendError(response, error);
    }
  };
}

function routesOf({ host, ceremonies, desk, publicKeys, policyAdopted }: AdminApiOptions): Route[] {
  const step = (name: string, take: (id: string, messages: readonly string[]) => Promise<string>): Route => ({
    method: "POST",
    path: new RegExp(`^/v1/ceremonies/([A-Za-z0-9_-]{43})/${name}$`),
    answer: async (id, body) => ({ message: await take(id, as(Messages, body).messages) }),
  });
  return [
    { method: "GET", path: /^\/v1\/keys$/, open: true, answer: () => publicKeys },
    {
      method: "POST",
      path: /^\/v1\/policy\/sign$/,
      answer: async (_, body) => ({ jws: await host.signPolicy(as(SignPolicy, body).policy as Policy) }),
    },
    {
      method: "POST",
      path: /^\/v1\/policy$/,
      answer: async (_, body) => {
        await host.adoptPolicy(as(AdoptPolicy, body).jws);
        await policyAdopted();
        return {};
      },
    },
    {
      method: "POST",
      path: /^\/v1\/ceremonies$/,
      answer: async (_, body) => ({ message: await ceremonies.begin(termsFrom(body)) }),
    },
    step("reveal", (id, messages) => ceremonies.reveal(id, messages)),
    step("shares", (id, messages) => ceremonies.shares(id, messages)),
    step("finish", (id, messages) => ceremonies.finish(id, messages)),
    step("complete", (id, messages) => ceremonies.complete(id, messages)),
    { method: "GET", path: /^\/v1\/orders$/, answer: () => desk.list() },
    {
      method: "POST",
      path: /^\/v1\/orders\/([A-Za-z0-9_-]{43})\/approve$/,
      answer: (hash) => desk.approve(orderHashFrom(hash)),
    },
    {
      method: "POST",
      path: /^\/v1\/orders\/([A-Za-z0-9_-]{43})\/refuse$/,
      answer: (hash) => desk.refuse(orderHashFrom(hash)),
    },
  ];
}

function find(routes: readonly Route[], request: IncomingMessage): { route: Route; parameter: string } {
  for (const route of routes) {
    const match = route.method === request.method ? route.path.exec(request.url ?? "") : null;
    if (match !== null) return { route, parameter: match[1] ?? "" };
  }
  throw new CustodianError("CUSTODIAN_ROUTE");
}

function authorize(request: IncomingMessage, adminToken: string): void {
  const given = utf8(request.headers.authorization ?? "");
  if (!constantTimeEqual(given, utf8(`Bearer ${adminToken}`)))
    throw new CustodianError("CUSTODIAN_ADMIN_TOKEN");
}

function as<S extends TSchema>(schema: S, body: unknown): Static<S> {
  if (!Value.Check(schema, body)) throw new CustodianError("CUSTODIAN_REQUEST");
  return body;
}

function termsFrom(body: unknown): CeremonyTerms {
  const { id, quorum, from, to } = as(Begin, body);
  const bytes = fromBase64Url(id);
  if (bytes.length !== 32) throw new CustodianError("CUSTODIAN_REQUEST", { field: "id" });
  return { id: bytes, quorum, from, to };
}

function orderHashFrom(text: string): OrderHash {
  return asOrderHash(fromBase64Url(text));
}
