// A person at a browser: keeps cookies, reads the forms of the offline Zoom's pages and presses their buttons.

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
const unescape = (text) => text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity]);
const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return found && unescape(found[1]);
};

/** What a browser shows: a page of Zoom, or the address outside of Zoom that it was sent to. */
class Page {
  constructor(url, status, html) {
    Object.assign(this, { url, status, html });
  }

  has(id) {
    return this.html.includes(` id="${id}"`);
  }

  /** Text of the element with this id; null if there is none. */
  text(id) {
    const found = new RegExp(` id="${id}"[^>]*>([^<]*)<`).exec(this.html);
    return found && unescape(found[1]);
  }

  /** The form around a button: where it goes, and its fields with the button's own value. */
  form(button) {
    const [form] = this.html.match(/<form\s[^]*?<\/form>/g)?.filter((form) => form.includes(` id="${button}"`)) ?? [];
    if (!form) throw new Error(`there is no button ${button}: ${this.html}`);
    const opening = /<form\s[^>]*>/.exec(form)[0];
    if (attribute(opening, "method") !== "post") throw new Error(`not posted: ${opening}`);
    const fields = new URLSearchParams();
    for (const [tag] of form.matchAll(/<(?:input|button)\s[^>]*>/g)) {
      const name = attribute(tag, "name");
      const counts = tag.startsWith("<input") || attribute(tag, "id") === button;
      if (name && counts) fields.append(name, attribute(tag, "value") ?? "");
    }
    return { action: new URL(attribute(opening, "action"), this.url), fields };
  }
}

export class Person {
  #jar = new Map();

  constructor(email) {
    this.email = email;
  }

  /** Opens a page and follows redirects until there is a page of the same site or a redirect that leaves it. */
  async open(url, request = {}) {
    const headers = { cookie: [...this.#jar].map((pair) => pair.join("=")).join("; ") };
    const reply = await fetch(url, { ...request, headers, redirect: "manual" });
    for (const cookie of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      this.#jar.set(name, value);
    }
    const html = await reply.text();
    if (!reply.headers.has("location")) return new Page(new URL(url), reply.status, html);
    const next = new URL(reply.headers.get("location"), url);
    return next.origin === new URL(url).origin ? this.open(next) : new Page(next, reply.status, html);
  }

  press(page, button, filled = {}) {
    const { action, fields } = page.form(button);
    for (const [name, value] of Object.entries(filled)) {
      if (!fields.has(name)) throw new Error(`there is no field ${name}`);
      fields.set(name, value);
    }
    return this.open(action, { method: "POST", body: fields });
  }

  /** The consent page, or what is shown in its place. Logs in if asked to. */
  async consider(url) {
    const page = await this.open(url);
    return page.has("sign-in") ? this.press(page, "sign-in", { email: this.email, password: "whatever" }) : page;
  }

  /** Where the browser is sent by a decision: `allow` or `decline`. */
  async decide(url, decision) {
    return (await this.press(await this.consider(url), decision)).url;
  }
}
