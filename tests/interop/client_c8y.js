// The inventory with @c8y/client from npm; run as a program of its own.
const [modules, base] = process.argv.slice(2);
const load = require("module").createRequire(`${modules}/`);
const { FetchClient, InventoryService } = load("@c8y/client");
const assert = require("assert");

(async () => {
  const inventory = new InventoryService(new FetchClient(base));
  const made = await inventory.create({ name: "valve", type: "test_Valve", test: { a: [1] } });
  assert.strictEqual(made.res.status, 201);
  const found = await inventory.detail(made.data.id);
  assert.deepStrictEqual(found.data.test, { a: [1] });
  await inventory.update({ id: made.data.id, name: "valve two" });
  const listed = await inventory.list({ type: "test_Valve", pageSize: 1, withTotalPages: true });
  assert.strictEqual(listed.data[0].name, "valve two");
  await inventory.delete(made.data.id);
  await assert.rejects(inventory.detail(made.data.id), (e) => e.res.status === 404);
  console.log("good");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
