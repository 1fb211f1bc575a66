// Writes src/openapi.ts and src/routes.ts from the contract. `npm run generate` calls it, and a check compares.

import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const contract = new URL("../../openapi.yaml", import.meta.url);
const note = "// Generated from openapi.yaml by `npm run generate`.\n\n";

await writeFile(new URL("src/openapi.ts", import.meta.url), note + astToString(await openapiTS(contract, { defaultNonNullable: false })));

const { paths } = parse(await readFile(contract, "utf8"));
const routes = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const bearer = (operation.security ?? []).some((scheme) => "bearer" in scheme);
    return `  ${operation.operationId}: ${JSON.stringify([method.toUpperCase(), path, bearer ? "bearer" : "open"])},\n`;
  }));
const table = `/** Method, path and proof of each operation. */\nexport const ROUTES = {\n${routes.join("")}} as const;\n`;
await writeFile(new URL("src/routes.ts", import.meta.url), note + table);
