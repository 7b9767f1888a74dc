import { compareBytes, decodeCbor, encodeCbor, FieldReader } from "@portcullis/protocol";
import {
  preferenceFields,
  readPreference,
  type Preference,
  type PreferencePlace,
} from "@portcullis/protocol/content";

const PREFERENCES = "portcullis/client-preferences/v1";
const what = "preferences";

export function isLater(a: PreferencePlace, b: PreferencePlace): boolean {
  if (a.acceptedAtMs !== b.acceptedAtMs) return a.acceptedAtMs > b.acceptedAtMs;
  const order = compareBytes(a.conversationId, b.conversationId);
  return order === 0 ? a.sequence > b.sequence : order > 0;
}

/** The last words. Without a place: this device's own, which the server has not ordered yet. */
export function encodeKeptPreferences(kept: readonly Preference[]): Uint8Array {
  const sorted = kept.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return encodeCbor([PREFERENCES, sorted.map(preferenceFields)]);
}

/** @throws ProtocolError DECODE_* */
export function decodeKeptPreferences(bytes: Uint8Array): Preference[] {
  const reader = new FieldReader(decodeCbor(bytes, what), what, 2);
  reader.constant(PREFERENCES);
  return reader.list(readPreference);
}
