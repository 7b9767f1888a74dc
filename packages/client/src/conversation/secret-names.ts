import { toBase64Url, type ConversationId } from "@portcullis/protocol";

/** The names under which one conversation's secrets lie in the store. */
export interface SecretNames {
  readonly snapshot: string;
  readonly rosterKey: string;
  readonly signalKey: string;
  readonly pending: string;
  leaf(leafIndex: number): string;
  chain(leafIndex: number): string;
}

export function secretNames(conversationId: ConversationId): SecretNames {
  const prefix = toBase64Url(conversationId);
  return {
    snapshot: `${prefix}/snapshot`,
    rosterKey: `${prefix}/roster-key`,
    signalKey: `${prefix}/signal-key`,
    pending: `${prefix}/pending`,
    leaf: (leafIndex) => `${prefix}/leaf/${leafIndex}`,
    chain: (leafIndex) => `${prefix}/chain/${leafIndex}`,
  };
}
