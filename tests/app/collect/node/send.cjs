// Sends a few events with one of the SDKs: node send.cjs SDK URL KEY. Prints "sent", or what failed.
const [sdk, url, key] = process.argv.slice(2)
const when = new Date("2026-03-01T12:00:00Z")

const senders = {
  async segment() {
    const { Analytics } = require("@segment/analytics-node")
    const client = new Analytics({ writeKey: key, host: url, flushAt: 3, maxRetries: 2 })
    client.on("error", (error) => { console.error(error); process.exitCode = 1 })
    client.identify({ userId: "u1", traits: { email: "ann@example.com" } })
    client.track({ userId: "u1", event: "Order Completed", properties: { order_id: "o1" }, timestamp: when })
    client.page({ anonymousId: "a1", name: "Home" })
    client.group({ userId: "u1", groupId: "g1" })
    client.alias({ userId: "u1", previousId: "a1" })
    await client.closeAndFlush({ timeout: 10000 })
  },
  async rudder() {
    const RudderAnalytics = require("@rudderstack/rudder-sdk-node")
    const client = new RudderAnalytics(key, { dataPlaneUrl: url, flushAt: 2, gzip: true })
    client.identify({ userId: "u1", traits: { email: "ann@example.com" } })
    client.track({ userId: "u1", event: "Product Added", properties: { product_id: "p1" } })
    client.page({ userId: "u1", name: "Home" })
    await new Promise((done) => client.flush(done))
    await new Promise((done) => setTimeout(done, 1500))
  },
  async jitsu() {
    const { jitsuAnalytics } = require("@jitsu/js")
    const client = jitsuAnalytics({ host: url, writeKey: `${key}:secret` })
    await client.identify("u1", { email: "ann@example.com" })
    await client.track("Product Viewed", { product_id: "p1" })
    await client.page({ url: "https://shop.example/" })
  },
  async posthog() {
    const { PostHog } = require("posthog-node")
    const client = new PostHog(key, { host: url, flushAt: 2 })
    client.capture({ distinctId: "d1", event: "Product Viewed", properties: { product_id: "p1" } })
    client.identify({ distinctId: "d1", properties: { email: "ann@example.com" } })
    await client.shutdown(10000)
  },
}

senders[sdk]().then(() => { console.log("sent"); process.exit() }, (error) => { console.error(error); process.exit(1) })
