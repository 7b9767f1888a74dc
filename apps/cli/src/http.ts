import { PortcullisError } from "@portcullis/protocol";

/** What a program answered that is not a success: its own code, so that a person reads one and the same name everywhere. */
export class AnswerError extends PortcullisError {}

export interface HttpRequest {
  readonly method?: "GET" | "POST" | "PUT";
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** The answer's bytes. @throws AnswerError with the program's code */
export async function requestBytes(url: string, request: HttpRequest = {}): Promise<Uint8Array> {
  const { method = request.body === undefined ? "GET" : "POST", token, body } = request;
  const response = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok) throw answerError(response.status, bytes);
  return bytes;
}

/** The answer as JSON. The shape is the program's own: both come from one release. */
export async function requestJson<T>(url: string, request: HttpRequest = {}): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await requestBytes(url, request))) as T;
}

const PUBLISHING_ATTEMPTS = 12;

/** Stores something in the ledger, asking again while it waits for its batch and for the witnesses: it stands there once. */
export async function requestPublished<T>(url: string, request: HttpRequest): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await requestJson<T>(url, request);
    } catch (error) {
      if (
        !(error instanceof AnswerError) ||
        error.code !== "NOT_PUBLISHED" ||
        attempt === PUBLISHING_ATTEMPTS
      )
        throw error;
    }
  }
}

function answerError(status: number, bytes: Uint8Array): AnswerError {
  try {
    const { code, message, facts } = JSON.parse(new TextDecoder().decode(bytes)) as {
      code: string;
      message: string;
      facts?: Readonly<Record<string, unknown>>;
    };
    return new AnswerError(code, message.replace(`${code}: `, ""), facts);
  } catch {
    return new AnswerError(
      "ANSWER_UNREADABLE",
      `The program answered ${status} with something else than its API.`,
      { status },
    );
  }
}
