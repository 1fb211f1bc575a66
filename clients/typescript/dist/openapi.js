// Generated from openapi.yaml by `npm run generate`.
export {};
