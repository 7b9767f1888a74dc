import { limits } from "@portcullis/protocol";
import { Type, type TProperties } from "typebox";

/** Bytes as base64url without padding. */
export const Bytes = Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: limits.bodyBytes });
/** 32 bytes: an identifier, a hash, a key. */
export const Id = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });
/** A signed document as the text of its JWS. */
export const Jws = Type.String({ maxLength: limits.bodyBytes });
/** A place in a log, or a size of one, in a path or query. */
export const Index = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** An object with these fields and no others. */
export function strict<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}
