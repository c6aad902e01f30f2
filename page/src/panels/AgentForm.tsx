/** The agent in fields. */

import { For, type JSX } from 'solid-js';
import { address } from '../route';
import type { Agent } from '../schema';
import { Answers } from './AgentAnswers';
import { AgentDesk } from './AgentDesk';
import { Examples } from './AgentExamples';
import { Facts } from './AgentFacts';
import { TextArea, Words } from './AgentFields';
import type { TextField } from './agent-words';

export function AgentForm(given: {
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  const text = (field: TextField) => (
    <Words field={field} agent={given.agent} put={given.put} wrong={given.wrong} />
  );
  return (
    <>
      <For each={['name', 'prompt', 'greeting'] as const}>{text}</For>
      <Facts facts={given.agent.facts} put={(facts) => given.put({ facts })} wrong={given.wrong} />
      <Answers answers={given.agent.answers} put={(answers) => given.put({ answers })} wrong={given.wrong} />
      <Documents agent={given.agent} put={given.put} wrong={given.wrong} />
      {text('unknown')}
      <Examples
        examples={given.agent.examples}
        put={(examples) => given.put({ examples })}
        wrong={given.wrong}
      />
      <For each={['transfer', 'no_transfer', 'reprompt', 'goodbye', 'farewell'] as const}>{text}</For>
      <AgentDesk agent={given.agent} put={given.put} wrong={given.wrong} />
      <Declared agent={given.agent} />
    </>
  );
}

function Documents(given: {
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  return (
    <TextArea
      name="documents"
      words="Documents"
      about="Files beside AGENT_FILE that are searched for answers, a pattern a line: Markdown, HTML, CSV, PDF, text."
      rows={2}
      placeholder="documents/*.md"
      value={given.agent.documents.join('\n')}
      fault={given.wrong.documents}
      put={(text) => given.put({ documents: text.split('\n') })}
    />
  );
}

/** What has no fields of its own. */
function Declared(given: { agent: Agent }): JSX.Element {
  const names = (of: object) => Object.keys(of).join(', ') || 'none';
  return (
    <section class="agent-field" aria-labelledby="declared-head">
      <h3 id="declared-head" class="field">
        Tasks, slots and tools
      </h3>
      <dl class="declared note">
        <div>
          <dt>Tasks</dt>
          <dd>{names(given.agent.tasks)}</dd>
        </div>
        <div>
          <dt>Slots</dt>
          <dd>{names(given.agent.slots)}</dd>
        </div>
        <div>
          <dt>Tools</dt>
          <dd>{names(given.agent.tools)}</dd>
        </div>
      </dl>
      <p class="note">
        <a href={address('agent', '', { as: 'file' })}>Edit them in the agent's file</a>
      </p>
    </section>
  );
}
