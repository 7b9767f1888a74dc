import { hkdfSha256, sha256, sign, signingKeyFromSeed, verifySignature, wipe } from "@portcullis/crypto";
import type { SigningKey } from "@portcullis/crypto";
import {
  encodeJoinLinkContext,
  encodeJoinRequest,
  equalBytes,
  JOIN_LINK_ID_BYTES,
  PortcullisError,
  type JoinLinkText,
  type JoinRequest,
} from "@portcullis/protocol";
import type { JoinLink } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";

/** A request to join as it lies at the server. */
export interface SignedJoinRequest extends JoinRequest {
  /** 64 bytes, by the link's key. */
  readonly signature: Uint8Array;
}

/** What a link's secret yields, for its conversation and class alone; the public half is what the members know. */
export function joinKeyOf(link: Pick<JoinLinkText, "conversationId" | "class" | "secret">): SigningKey {
  const seed = hkdfSha256({ ikm: link.secret, info: encodeJoinLinkContext(link), length: 32 });
  const key = signingKeyFromSeed(seed);
  wipe(seed);
  return key;
}

/** What the server may know of a link: nothing that helps it to ask, or to make a group that has it. */
export function linkIdOf(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, JOIN_LINK_ID_BYTES);
}

export function findLink(links: readonly JoinLink[], linkId: Uint8Array): JoinLink | undefined {
  return links.find(({ publicKey }) => equalBytes(linkIdOf(publicKey), linkId));
}

export function signJoinRequest(key: SigningKey, request: JoinRequest): SignedJoinRequest {
  return { ...request, signature: sign(key, encodeJoinRequest(request)) };
}

/** @throws ClientError CLIENT_JOIN_PROOF */
export function verifyJoinRequest({ publicKey }: JoinLink, request: SignedJoinRequest): void {
  try {
    verifySignature(publicKey, encodeJoinRequest(request), request.signature);
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    throw new ClientError("CLIENT_JOIN_PROOF");
  }
}
