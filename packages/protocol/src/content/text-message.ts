import { fromUtf8, utf8 } from "../bytes.ts";
import { dispositions, type MimiContent, type SinglePart } from "./mimi-content.ts";

/** Plain, not the Markdown of the draft's examples: what somebody typed is shown as typed. */
const PLAIN = "text/plain;charset=utf-8";

export interface TextMessage {
  /** 16 random bytes. */
  readonly salt: Uint8Array;
  readonly text: string;
  readonly senderUri: string;
  readonly roomUri: string;
  readonly inReplyTo?: Uint8Array;
  readonly replaces?: Uint8Array;
}

/** Content with one part of plain text to be shown. */
export function textMessage({ text, senderUri, roomUri, ...rest }: TextMessage): MimiContent {
  return {
    ...rest,
    topicId: new Uint8Array(0),
    extensions: { senderUri, roomUri, other: new Map() },
    nestedPart: {
      disposition: dispositions.render,
      language: "",
      cardinality: "single",
      contentType: PLAIN,
      content: utf8(text),
    },
  };
}

/** The text of a content made by `textMessage`, or of any single part of text; undefined for other content. */
export function textOf(content: MimiContent): string | undefined {
  const part = content.nestedPart;
  return part.cardinality === "single" && isText(part) ? fromUtf8(part.content) : undefined;
}

function isText(part: SinglePart): boolean {
  return /^text\/(?:plain|markdown)(?:;|$)/.test(part.contentType);
}
