export { nodePlatform } from "./node-platform.ts";
export { nodeTransport } from "./node-transport.ts";
export { SqliteStore } from "./sqlite-store.ts";
