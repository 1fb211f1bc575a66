// Hashes lines of cost and password by the package that is named.
import { createInterface } from "node:readline";

const { default: bcrypt } = await import(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  const [cost, password] = line.split("\t");
  console.log(bcrypt.hashSync(password, Number(cost)));
}
