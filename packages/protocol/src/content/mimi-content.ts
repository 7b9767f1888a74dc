import type { CborKey, CborValue } from "../cbor.ts";

/**
 * MIMI content, draft-ietf-mimi-content (CDDL of its appendix B). Names are the draft's; what is null on the wire is
 * absent here.
 */
export interface MimiContent {
  /** 16 random bytes, fresh for each message. */
  readonly salt: Uint8Array;
  /** 32 bytes: id of the message that this one edits, deletes or un-reacts. */
  readonly replaces?: Uint8Array;
  /** Empty when the message belongs to no topic. */
  readonly topicId: Uint8Array;
  readonly expires?: Expiration;
  /** 32 bytes. */
  readonly inReplyTo?: Uint8Array;
  readonly extensions: Extensions;
  readonly nestedPart: NestedPart;
}

/** Seconds: since reading when `relative`, else since 1970-01-01T00:00:00Z. */
export interface Expiration {
  readonly relative: boolean;
  readonly time: number;
}

export interface Extensions {
  readonly senderUri?: string;
  readonly roomUri?: string;
  /** Every other extension, kept as it came; keys are integers but 1 and 2, and texts of 1 to 255 bytes. */
  readonly other: ReadonlyMap<CborKey, CborValue>;
}

/** 9 to 255 are for later versions of the draft: kept, not understood. */
export const dispositions = {
  unspecified: 0,
  render: 1,
  reaction: 2,
  profile: 3,
  inline: 4,
  icon: 5,
  attachment: 6,
  session: 7,
  preview: 8,
} as const;

interface PartFields {
  /** One of `dispositions`, or 9 to 255. */
  readonly disposition: number;
  /** RFC 5646 language tags, comma-separated; empty when not said. */
  readonly language: string;
}

/** No body: a deletion, or a reaction taken back. */
export interface NullPart extends PartFields {
  readonly cardinality: "null";
}

export interface SinglePart extends PartFields {
  readonly cardinality: "single";
  readonly contentType: string;
  readonly content: Uint8Array;
}

export interface ExternalPart extends PartFields {
  readonly cardinality: "external";
  readonly contentType: string;
  readonly url: string;
  /** Seconds since 1970-01-01T00:00:00Z; 0 when the content does not expire. */
  readonly expires: number;
  /** Bytes; 0 when not said. */
  readonly size: number;
  /** IANA AEAD algorithm number; 0 when not encrypted. */
  readonly encAlg: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  /** IANA named information hash algorithm; 0 for none. */
  readonly hashAlg: number;
  readonly contentHash: Uint8Array;
  readonly description: string;
  readonly filename: string;
}

export type PartSemantics = "chooseOne" | "singleUnit" | "processAll";

export interface MultiPart extends PartFields {
  readonly cardinality: "multi";
  readonly partSemantics: PartSemantics;
  /** Two or more. */
  readonly parts: readonly NestedPart[];
}

export type NestedPart = NullPart | SinglePart | ExternalPart | MultiPart;
