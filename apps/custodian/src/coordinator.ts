import { mergeSignatures, policyDocument, type Policy } from "@portcullis/access";
import { toBase64Url, type ErrorBody, type Random } from "@portcullis/protocol";
import type { PublicKeys } from "./admin-api.ts";
import { CustodianError } from "./errors.ts";

/** Where a custodian's program answers, and the token that its person gave the coordinator. */
export interface CustodianAddress {
  readonly url: string;
  readonly adminToken: string;
}

/** Public keys, as they go into the policy. */
export async function custodianKeys({ url }: Pick<CustodianAddress, "url">): Promise<PublicKeys> {
  return call({ url, adminToken: "" }, "GET", "/v1/keys");
}

/**
 * The policy signed by all custodians and whoever else signed it already (`signed`: the registrar's part), and then
 * adopted by each of them.
 */
export async function signPolicyTogether(input: {
  readonly policy: Policy;
  readonly signed: readonly string[];
  readonly custodians: readonly CustodianAddress[];
}): Promise<string> {
  const { policy, signed, custodians } = input;
  const parts = await all(custodians, async (custodian) => {
    const { jws } = await call<{ jws: string }>(custodian, "POST", "/v1/policy/sign", { policy });
    return jws;
  });
  const jws = mergeSignatures(policyDocument, [...parts, ...signed]);
  await all(custodians, (custodian) => call(custodian, "POST", "/v1/policy", { jws }));
  return jws;
}

export interface CeremonyRequest {
  readonly quorums: readonly {
    /** In the policy. */
    readonly name: string;
    /** All custodians of the quorum, in any order. */
    readonly custodians: readonly CustodianAddress[];
  }[];
  /** The keysets' period: UTC times, aligned to buckets. */
  readonly from: string;
  readonly to: string;
  readonly random: Random;
}

/**
 * Carries the messages of one key ceremony per quorum and gives the keysets, each signed by all of its custodians, in
 * the order of `quorums`. A coordinator is trusted with nothing: what it changes, drops or shows to some only ends the
 * ceremony.
 * @throws CustodianError CUSTODIAN_PEER, with the code that the custodian gave
 */
export async function runCeremony({ quorums, from, to, random }: CeremonyRequest): Promise<string[]> {
  return all(quorums, async ({ name, custodians }) => {
    const id = toBase64Url(random(32));
    const round = async (step: string, body: object): Promise<string[]> =>
      all(custodians, async (custodian) => {
        const { message } = await call<{ message: string }>(custodian, "POST", `/v1/ceremonies${step}`, body);
        return message;
      });
    const commits = await round("", { id, quorum: name, from, to });
    const reveals = await round(`/${id}/reveal`, { messages: commits });
    const shares = await round(`/${id}/shares`, { messages: reveals });
    const signed = await round(`/${id}/finish`, { messages: shares });
    const keysets = await round(`/${id}/complete`, { messages: signed });
    return keysets[0] as string;
  });
}

async function all<A, B>(items: readonly A[], action: (item: A) => Promise<B>): Promise<B[]> {
  return Promise.all(items.map((item) => action(item)));
}

async function call<T>(
  { url, adminToken }: CustodianAddress,
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer as T;
  const { code, facts } = answer as ErrorBody;
  throw new CustodianError("CUSTODIAN_PEER", { url, path, status: response.status, code, facts });
}
