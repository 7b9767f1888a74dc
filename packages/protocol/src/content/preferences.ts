import { decodeCbor, FieldReader, type CborValue } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";
import { ProtocolError } from "../errors.ts";
import { asConversationId, type ConversationId } from "../identifiers.ts";
import { limits } from "../limits.ts";

export const PREFERENCES_TYPE = "application/portcullis-preferences";
const PREFERENCES = "portcullis/preferences/v1";
const what = "preferences";
const NAME_LENGTH = 128;
const VALUE_LENGTH = 64;

/** Where the server has put a word about a preference: the later one counts, on every device alike. */
export interface PreferencePlace {
  readonly acceptedAtMs: number;
  readonly conversationId: ConversationId;
  readonly sequence: number;
}

/**
 * What a person has set about a conversation or an account; `value` undefined: it is not set any more. `place`: when it is
 * not said for the first time, that of the first.
 */
export interface Preference {
  readonly name: string;
  readonly value: string | undefined;
  readonly place?: PreferencePlace;
}

/** In the order of their names, each once. */
export function encodePreferences(preferences: readonly Preference[]): Uint8Array {
  const sorted = preferences.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return encodeCbor([PREFERENCES, sorted.map(preferenceFields)]);
}

/** @throws ProtocolError DECODE_* */
export function decodePreferences(bytes: Uint8Array): Preference[] {
  const reader = new FieldReader(decodeCbor(bytes, what), what, 2);
  reader.constant(PREFERENCES);
  let previous: string | undefined;
  return reader.list((item) => {
    const preference = readPreference(item);
    const { name } = preference;
    if (previous !== undefined && name <= previous) throw new ProtocolError("DECODE_NOT_CANONICAL", { what });
    previous = name;
    return preference;
  }, limits.preferencesPerMessage);
}

/** One of them, as it stands in a list. */
export function preferenceFields({ name, value, place }: Preference): CborValue[] {
  const placed = place ? [place.acceptedAtMs, place.conversationId, place.sequence] : null;
  return [name, value ?? null, placed];
}

/** @throws ProtocolError DECODE_* */
export function readPreference(item: CborValue): Preference {
  const fields = new FieldReader(item, what, 3);
  const [name, value, place] = [fields.text(NAME_LENGTH), fields.value(), fields.value()];
  return {
    name,
    value: value === null ? undefined : new FieldReader([value], what, 1).text(VALUE_LENGTH),
    ...(place !== null && { place: readPlace(place) }),
  };
}

function readPlace(value: CborValue): PreferencePlace {
  const fields = new FieldReader(value, what, 3);
  const acceptedAtMs = fields.integer();
  return { acceptedAtMs, conversationId: asConversationId(fields.bytes()), sequence: fields.integer() };
}
