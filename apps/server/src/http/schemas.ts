import { asAccountId, fromBase64Url, limits, type AccountId } from "@portcullis/protocol";
import { Type, type TProperties } from "typebox";

/** Bytes as base64url without padding. */
export const Bytes = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: limits.bodyBytes });
/** 32 bytes: an identifier, a hash, a key. */
export const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });
/** 16 bytes. */
export const DeviceIdText = Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" });
/** Bytes as base64url, some at least and not more than that. */
export const bytesUpTo = (bytes: number) =>
  Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength: Math.ceil((bytes * 4) / 3) });
/** A signed document as the text of its JWS. */
export const Jws = Type.String({ maxLength: limits.bodyBytes });
/** A place in a log, or a size of one, in a path or query. */
export const Index = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** An object with these fields and no others. */
export function strict<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** Accounts to be asked about, each once. */
export function accountsUpTo(maxItems: number) {
  return strict({ accounts: Type.Array(Id, { minItems: 1, maxItems, uniqueItems: true }) });
}

export function accountsIn({ accounts }: { readonly accounts: readonly string[] }): AccountId[] {
  return accounts.map((account) => asAccountId(fromBase64Url(account)));
}
