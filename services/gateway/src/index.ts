export { gatewayOptions } from "./options.ts";
export { createGateway } from "./service.ts";
