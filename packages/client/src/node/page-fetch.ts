import { lookup as resolveName } from "node:dns/promises";
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { ClientError } from "../errors.ts";
import { isPublicAddress } from "./public-address.ts";

const MOST_REDIRECTS = 3;

export interface FetchTerms {
  readonly signal: AbortSignal;
  readonly isAllowed: (address: string) => boolean;
  /** All addresses of a name. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

export interface FetchedPage {
  /** Where it came from in the end. */
  readonly url: URL;
  readonly contentType: string;
  readonly body: Uint8Array;
}

export const publicTerms: Omit<FetchTerms, "signal"> = {
  isAllowed: isPublicAddress,
  resolve: async (name) => (await resolveName(name, { all: true })).map(({ address }) => address),
};

/**
 * Reads what somebody else has named, without giving them a way into the network that this device is in: over HTTP alone, from
 * public addresses alone, each looked at before it is connected to, on each step of a redirect. `limit`: bytes; what is longer is cut off there.
 * Sends no cookie, no credentials and no word of where it was found.
 * @throws ClientError CLIENT_PREVIEW
 */
export async function fetchPage(start: URL, limit: number, terms: FetchTerms): Promise<FetchedPage> {
  let url = start;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await get(url, terms);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      response.destroy();
      url = addressOf(headers.location, url);
      continue;
    }
    if (statusCode !== 200) {
      response.destroy();
      throw new ClientError("CLIENT_PREVIEW", { what: "status", status: statusCode });
    }
    return { url, contentType: headers["content-type"] ?? "", body: await bodyOf(response, limit) };
  }
  throw new ClientError("CLIENT_PREVIEW", { what: "redirects" });
}

/** @throws ClientError CLIENT_PREVIEW */
export function addressOf(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  const isWeb = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === undefined || !isWeb || url.username !== "" || url.password !== "")
    throw new ClientError("CLIENT_PREVIEW", { what: "address" });
  return url;
}

async function get(url: URL, terms: FetchTerms): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) > 0 ? [host] : await resolved(host, terms);
  const [address] = addresses;
  // Of a name with one private address none is used: which one is connected to must not be chance.
  if (address === undefined || !addresses.every((one) => terms.isAllowed(one)))
    throw new ClientError("CLIENT_PREVIEW", { what: "host" });
  // The address that was looked at is the one that is connected to, whatever the name says by then.
  const lookup: LookupFunction = (_, options, done) => {
    const family = isIP(address);
    if (options.all === true) done(null, [{ address, family }]);
    else done(null, address, family);
  };
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const headers = { accept: "text/html,image/*", "accept-encoding": "identity", "user-agent": "Portcullis" };
  return new Promise((resolve, reject) => {
    const asked = request(url, { lookup, headers, signal: terms.signal, agent: false }, resolve);
    asked.on("error", (error) => reject(failed(error)));
    asked.end();
  });
}

async function resolved(host: string, { resolve }: FetchTerms): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (error) {
    throw failed(error);
  }
}

async function bodyOf(response: IncomingMessage, limit: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (length >= limit) break;
    }
  } catch (error) {
    throw failed(error);
  }
  return new Uint8Array(Buffer.concat(pieces).subarray(0, limit));
}

function failed(error: unknown): ClientError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : "network";
  return new ClientError("CLIENT_PREVIEW", { what: "connection", reason });
}
