export { nodeProvider } from "./provider.ts";
