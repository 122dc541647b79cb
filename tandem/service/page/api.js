// One question to the service, and its answer or the sentence that says why there is none.

const KEY = "tandem-key";

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function keep(key) {
  sessionStorage.setItem(KEY, key);
}

export async function search(asked, signal) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch("/search", { method: "POST", headers, body: JSON.stringify(asked), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer.");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, body.detail || `The service answered ${answer.status}.`);
  return body;
}
