// SPDX-License-Identifier: Apache-2.0
// Streams one chat answer with the Node SDK and prints what an agent has understood of it, as one line of JSON.
import OpenAI from "openai";

const { model, tools, script, stream } = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });
const ask = { model, messages: [{ role: "user", content: "Where is order A-1?" }], tools };
const options = { headers: { "x-script": JSON.stringify(script) } };

try {
	let answer;
	if (stream) {
		const runner = client.chat.completions.stream(ask, options);
		answer = await runner.finalChatCompletion();
	} else {
		answer = await client.chat.completions.create(ask, options);
	}
	const choice = answer.choices[0];
	const calls = (choice.message.tool_calls ?? []).map((c) => ({ name: c.function.name, arguments: c.function.arguments }));
	console.log(JSON.stringify({ text: choice.message.content, calls, finish: choice.finish_reason }));
} catch (error) {
	console.log(JSON.stringify({ error: error.constructor.name, status: error.status, code: error.code, message: error.message }));
}
