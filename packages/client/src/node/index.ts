export { fileSource, saveAttachment } from "./attachment-files.ts";
export { nodePlatform } from "./node-platform.ts";
export { nodeTransport } from "./node-transport.ts";
export { SqliteStore } from "./sqlite-store.ts";
export { makeLinkPreview, type PreviewTerms } from "./link-preview.ts";
