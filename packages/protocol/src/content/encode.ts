import type { CborKey, CborValue } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";
import type { Extensions, MimiContent, NestedPart } from "./mimi-content.ts";

const SEMANTICS = { chooseOne: 0, singleUnit: 1, processAll: 2 } as const;

/** The content's one deterministic encoding: the applicationData that everything else hashes, tags and signs. */
export function encodeMimiContent(content: MimiContent): Uint8Array {
  return encodeCbor([
    content.salt,
    content.replaces ?? null,
    content.topicId,
    content.expires ? [content.expires.relative, content.expires.time] : null,
    content.inReplyTo ?? null,
    extensionFields(content.extensions),
    partFields(content.nestedPart),
  ]);
}

function extensionFields({ senderUri, roomUri, other }: Extensions): ReadonlyMap<CborKey, CborValue> {
  const all = new Map(other);
  if (senderUri !== undefined) all.set(1, senderUri);
  if (roomUri !== undefined) all.set(2, roomUri);
  return all;
}

function partFields(part: NestedPart): CborValue {
  const fields: CborValue[] = [part.disposition, part.language];
  switch (part.cardinality) {
    case "null":
      fields.push(0);
      break;
    case "single":
      fields.push(1, part.contentType, part.content);
      break;
    case "external":
      fields.push(2, part.contentType, part.url, part.expires, part.size, part.encAlg);
      fields.push(part.key, part.nonce, part.aad, part.hashAlg, part.contentHash);
      fields.push(part.description, part.filename);
      break;
    case "multi":
      fields.push(3, SEMANTICS[part.partSemantics], part.parts.map(partFields));
      break;
  }
  return fields;
}
