import { limits } from "@portcullis/protocol";
import type { LinkPreview } from "@portcullis/protocol/content";
import { pictureSize } from "../attachments/picture-size.ts";
import { ClientError } from "../errors.ts";
import { decodedEntities } from "../text/entities.ts";
import { addressOf, fetchPage, publicTerms, type FetchTerms } from "./page-fetch.ts";

/** What a page says of itself stands at its beginning. */
const PAGE_BYTES = 512 * 1024;
const TITLE_LENGTH = 200;
const DESCRIPTION_LENGTH = 400;
const PATIENCE_MS = 8000;

export interface PreviewTerms extends Partial<Omit<FetchTerms, "signal">> {
  /** Milliseconds for all of it. */
  readonly patienceMs?: number;
}

/**
 * What a link leads to, to be sent with a message that has it: made by the sender's device, so that no reader's device has to ask.
 * The page's server learns the sender's address, and nothing of the conversation; nothing is asked unless somebody calls this.
 * @throws ClientError CLIENT_PREVIEW when there is nothing to show, or it is not to be asked for
 */
export async function makeLinkPreview(link: string, terms: PreviewTerms = {}): Promise<LinkPreview> {
  const { patienceMs = PATIENCE_MS, ...others } = terms;
  const asking: FetchTerms = { ...publicTerms, ...others, signal: AbortSignal.timeout(patienceMs) };
  const page = await fetchPage(addressOf(link), PAGE_BYTES, asking);
  if (!/^text\/html\b|^application\/xhtml\+xml\b/i.test(page.contentType))
    throw new ClientError("CLIENT_PREVIEW", { what: "type" });
  const html = textOf(page.body, page.contentType);
  const told = metaOf(html);
  const title = short(told.get("og:title") ?? titleOf(html), TITLE_LENGTH);
  if (title === "") throw new ClientError("CLIENT_PREVIEW", { what: "title" });
  const description = short(told.get("og:description") ?? told.get("description") ?? "", DESCRIPTION_LENGTH);
  const picture = await pictureOf(told.get("og:image"), page.url, asking);
  return { url: link, title, description, ...(picture && { picture }) };
}

/** The page's picture if it is small enough to be sent as it is; a page is shown without one too. */
async function pictureOf(
  link: string | undefined,
  base: URL,
  terms: FetchTerms,
): Promise<LinkPreview["picture"]> {
  if (link === undefined) return undefined;
  try {
    const { body: bytes, contentType } = await fetchPage(
      addressOf(link, base),
      limits.thumbnailBytes + 1,
      terms,
    );
    const [type = ""] = contentType.toLowerCase().split(";");
    if (!/^image\/(?:png|jpeg|gif|webp)$/.test(type) || bytes.length > limits.thumbnailBytes)
      return undefined;
    pictureSize(bytes);
    return { contentType: type, bytes };
  } catch (error) {
    if (error instanceof ClientError) return undefined;
    throw error;
  }
}

function textOf(body: Uint8Array, contentType: string): string {
  const [, charset = "utf-8"] = /charset="?([\w-]+)/i.exec(contentType) ?? [];
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

/** What a page's head says of it, by name; the first word counts. Never shown as markup. */
function metaOf(html: string): Map<string, string> {
  const told = new Map<string, string>();
  for (const [, attributes = ""] of html.matchAll(/<meta\s([^<>]{1,4096})>/gi)) {
    const values = new Map(
      [...attributes.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g)].map(
        ([, name = "", double, single, bare]) => [name.toLowerCase(), double ?? single ?? bare ?? ""],
      ),
    );
    const name = (values.get("property") ?? values.get("name"))?.toLowerCase();
    const content = values.get("content");
    if (name !== undefined && content !== undefined && !told.has(name)) told.set(name, decoded(content));
  }
  return told;
}

function titleOf(html: string): string {
  const [, title = ""] = /<title[^<>]{0,256}>([^<]{0,4096})/i.exec(html) ?? [];
  return decoded(title);
}

/** What a page writes for a space that does not break is a space here. */
function decoded(text: string): string {
  return decodedEntities(text.replaceAll("&nbsp;", " "));
}

/** One line, without what turns or hides text. */
function short(text: string, length: number): string {
  const line = text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .replaceAll(/[\p{Cf}]/gu, "")
    .trim();
  const points = Array.from(line);
  return points.length <= length ? line : `${points.slice(0, length - 1).join("")}…`;
}
