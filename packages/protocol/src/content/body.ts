import { fromUtf8, utf8 } from "../bytes.ts";
import { decodeCbor, FieldReader } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";
import { limits } from "../limits.ts";
import { dispositions, type ExternalPart, type NestedPart, type SinglePart } from "./mimi-content.ts";

/** What somebody typed is shown as typed, unless it is Markdown by its writer's will. */
const PLAIN = "text/plain;charset=utf-8";
/** GitHub Flavored Markdown without HTML and autolinks. draft-ietf-mimi-content, section "Specifics of Github Flavored Markdown in MIMI". */
const MARKDOWN = "text/markdown;variant=GFM-MIMI";
const LINK_PREVIEW = "application/portcullis-link-preview";
const VOICE_NOTE = "application/portcullis-voice-note";
const PREVIEW_VERSION = "portcullis/link-preview/v1";
const VOICE_VERSION = "portcullis/voice-note/v1";

/** What a message says. */
export interface MessageBody {
  /** Empty when it has none. */
  readonly text: string;
  readonly format: "plain" | "markdown";
  readonly attachments: readonly Attachment[];
  readonly preview?: LinkPreview;
}

/** Something that lies elsewhere, sealed. */
export interface Attachment {
  readonly part: ExternalPart;
  /** A small picture of it, made by the sender: image/*. */
  readonly thumbnail?: { readonly contentType: string; readonly bytes: Uint8Array };
  readonly voice?: VoiceNote;
}

export interface VoiceNote {
  readonly milliseconds: number;
  /** Loudness over time, 0 to 255 each; at most 64. */
  readonly waveform: Uint8Array;
}

/** What a link in the text leads to, as the sender's own device saw it. */
export interface LinkPreview {
  readonly url: string;
  readonly title: string;
  readonly description: string;
  /** image/*, at most `limits.thumbnailBytes`. */
  readonly picture?: { readonly contentType: string; readonly bytes: Uint8Array };
}

/** The part that says it; without anything to say, an empty text. */
export function partOf(body: MessageBody): NestedPart {
  const parts: NestedPart[] = [];
  if (body.text !== "" || body.attachments.length === 0) parts.push(textPart(body));
  for (const attachment of body.attachments) parts.push(attachmentPart(attachment));
  if (body.preview !== undefined) parts.push(previewPart(body.preview));
  return joined(parts, "processAll", dispositions.render);
}

/**
 * What a part says to a person. What is not understood is left out; a part of which nothing is understood gives undefined.
 * Of alternatives the first that is understood counts.
 */
export function bodyOf(part: NestedPart): MessageBody | undefined {
  const found = new Findings();
  return found.take(part) ? found.body : undefined;
}

function textPart({ text, format }: MessageBody): SinglePart {
  const contentType = format === "markdown" ? MARKDOWN : PLAIN;
  return single(dispositions.render, contentType, utf8(text));
}

function attachmentPart({ part, thumbnail, voice }: Attachment): NestedPart {
  const parts: NestedPart[] = [part];
  if (thumbnail !== undefined)
    parts.push(single(dispositions.preview, thumbnail.contentType, thumbnail.bytes));
  if (voice !== undefined) {
    const content = encodeCbor([VOICE_VERSION, voice.milliseconds, voice.waveform]);
    parts.push(single(dispositions.preview, VOICE_NOTE, content));
  }
  return joined(parts, "singleUnit", part.disposition);
}

function previewPart({ url, title, description, picture }: LinkPreview): SinglePart {
  const fields = [url, title, description, picture?.contentType ?? null, picture?.bytes ?? null];
  return single(dispositions.preview, LINK_PREVIEW, encodeCbor([PREVIEW_VERSION, ...fields]));
}

function single(disposition: number, contentType: string, content: Uint8Array): SinglePart {
  return { disposition, language: "", cardinality: "single", contentType, content };
}

function joined(
  parts: readonly NestedPart[],
  partSemantics: "processAll" | "singleUnit",
  disposition: number,
): NestedPart {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return { disposition, language: "", cardinality: "multi", partSemantics, parts };
}

/** What was understood of a part and the parts in it. */
class Findings {
  #text: Pick<MessageBody, "text" | "format"> | undefined;
  readonly #attachments: Attachment[] = [];
  #preview: LinkPreview | undefined;

  get body(): MessageBody {
    const { text, format } = this.#text ?? { text: "", format: "plain" };
    return { text, format, attachments: this.#attachments, ...(this.#preview && { preview: this.#preview }) };
  }

  /** Whether anything of it was understood. */
  take(part: NestedPart): boolean {
    switch (part.cardinality) {
      case "null":
        return false;
      case "single":
        return this.#takeSingle(part);
      case "external":
        this.#attachments.push({ part });
        return true;
      case "multi":
        break;
    }
    if (part.partSemantics === "chooseOne") return part.parts.some((one) => this.take(one));
    if (part.partSemantics === "singleUnit" && this.#takeUnit(part.parts)) return true;
    return part.parts.map((one) => this.take(one)).includes(true);
  }

  #takeSingle(part: SinglePart): boolean {
    const format = textFormat(part.contentType);
    if (part.disposition === dispositions.preview && part.contentType === LINK_PREVIEW) {
      this.#preview ??= orNothing(() => readPreview(part.content));
      return this.#preview !== undefined;
    }
    if (format === undefined || part.disposition !== dispositions.render) return false;
    const text = orNothing(() => fromUtf8(part.content));
    if (text === undefined) return false;
    // What comes in several parts is one text to whoever reads.
    this.#text =
      this.#text === undefined ? { text, format } : { text: `${this.#text.text}\n${text}`, format };
    return true;
  }

  /** An external part with what belongs to it. */
  #takeUnit(parts: readonly NestedPart[]): boolean {
    const [part, ...others] = parts;
    if (part?.cardinality !== "external") return false;
    const shown = others.filter(
      (other): other is SinglePart =>
        other.cardinality === "single" && other.disposition === dispositions.preview,
    );
    const picture = shown.find(isThumbnail);
    const sound = shown.find(({ contentType }) => contentType === VOICE_NOTE);
    const voice = sound && orNothing(() => readVoice(sound.content));
    this.#attachments.push({
      part,
      ...(picture && { thumbnail: { contentType: picture.contentType, bytes: picture.content } }),
      ...(voice && { voice }),
    });
    return true;
  }
}

function isThumbnail({ contentType, content }: SinglePart): boolean {
  return contentType.startsWith("image/") && content.length <= limits.thumbnailBytes;
}

function textFormat(contentType: string): MessageBody["format"] | undefined {
  const type = /^text\/(plain|markdown)(?:;|$)/.exec(contentType)?.[1];
  return type as MessageBody["format"] | undefined;
}

function readVoice(bytes: Uint8Array): VoiceNote {
  const reader = new FieldReader(decodeCbor(bytes, "voice note"), "voice note", 3);
  reader.constant(VOICE_VERSION);
  const milliseconds = reader.integer();
  return { milliseconds, waveform: reader.bytes().subarray(0, 64) };
}

function readPreview(bytes: Uint8Array): LinkPreview | undefined {
  const reader = new FieldReader(decodeCbor(bytes, "link preview"), "link preview", 6);
  reader.constant(PREVIEW_VERSION);
  const preview = { url: reader.text(2048), title: reader.text(512), description: reader.text(2048) };
  const type = reader.value();
  const picture = reader.optionalBytes();
  if (!/^https?:\/\//.test(preview.url)) return undefined;
  if (typeof type !== "string" || picture === undefined) return preview;
  if (!type.startsWith("image/") || picture.length > limits.thumbnailBytes) return preview;
  return { ...preview, picture: { contentType: type, bytes: picture } };
}

/** One part that is broken does not take the others with it. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
