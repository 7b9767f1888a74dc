export { actOf, contentOf, type Act, type ContentFrame } from "./acts.ts";
export {
  bodyOf,
  partOf,
  type Attachment,
  type LinkPreview,
  type MessageBody,
  type VoiceNote,
} from "./body.ts";
export { decodeMimiContent } from "./decode.ts";
export { decodeDerivedValues, encodeDerivedValues, type MessageDerivedValues } from "./derived-values.ts";
export { encodeMimiContent } from "./encode.ts";
export { joinLinkFields, readJoinLinks, type JoinLink } from "./join-link.ts";
export { mimiMessageId, mimiMessageIdInput } from "./message-id.ts";
export { decodeStatuses, encodeStatuses, type MessageStatus } from "./message-status.ts";
export {
  dispositions,
  type Expiration,
  type Extensions,
  type ExternalPart,
  type MimiContent,
  type MultiPart,
  type NestedPart,
  type NullPart,
  type PartSemantics,
  type SinglePart,
} from "./mimi-content.ts";
export {
  decodeSharedState,
  encodeSharedState,
  readStanding,
  standingFields,
  stateOf,
  type Role,
  type SharedState,
  type Standing,
} from "./shared-state.ts";
export { plainText, textMessage, textOf } from "./text-message.ts";
export {
  decodePreferences,
  encodePreferences,
  preferenceFields,
  readPreference,
  type Preference,
  type PreferencePlace,
} from "./preferences.ts";
