/** The agent in fields. */

import { createUniqueId, type JSX } from 'solid-js';
import { address } from '../route';
import type { Agent } from '../schema';
import { Answers } from './AgentAnswers';
import { AgentDesk } from './AgentDesk';
import { Facts } from './AgentFacts';
import { Examples, Fault, Words } from './AgentFields';

export function AgentForm(given: {
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  return (
    <>
      <Words
        field="name"
        words="Agent name"
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={1}
      />
      <Words
        field="prompt"
        words="Prompt"
        about="Who the agent is, and how it speaks. What it says is heard, not read: ask for short plain sentences."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={8}
      />
      <Words
        field="greeting"
        words="Greeting"
        about="Spoken at the start of a call; leave empty for none."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Facts facts={given.agent.facts} put={(facts) => given.put({ facts })} wrong={given.wrong} />
      <Answers answers={given.agent.answers} put={(answers) => given.put({ answers })} wrong={given.wrong} />
      <Documents agent={given.agent} put={given.put} wrong={given.wrong} />
      <Words
        field="unknown"
        words="When nothing is known"
        about="Said by rule where neither answers nor facts nor documents are about the question; leave empty to let the model answer."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Examples
        examples={given.agent.examples}
        put={(examples) => given.put({ examples })}
        wrong={given.wrong}
      />
      <Words
        field="transfer"
        words="Transfer message"
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Words
        field="no_transfer"
        words="Where no transfer is possible"
        about="Said in place of the transfer message on lines that cannot transfer."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Words
        field="reprompt"
        words="Silence prompt"
        about="Asked once of a silent caller; leave empty for none."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Words
        field="goodbye"
        words="Goodbye before hanging up"
        about="Said to a caller who stays silent, before the line is hung up; leave empty to stay on the line."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
      <Words
        field="farewell"
        words="Farewell"
        about="Said when the caller says goodbye, before the line is hung up; leave empty to let the model answer."
        agent={given.agent}
        put={given.put}
        wrong={given.wrong}
        rows={2}
      />
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
  const id = createUniqueId();
  return (
    <div class="agent-field">
      <label class="field" for={id}>
        Documents
      </label>
      <textarea
        id={id}
        name="documents"
        rows="2"
        placeholder="documents/*.md"
        value={given.agent.documents.join('\n')}
        aria-invalid={given.wrong.documents ? 'true' : undefined}
        aria-describedby={`${id}-fault ${id}-about`}
        onInput={(event) => given.put({ documents: event.currentTarget.value.split('\n') })}
      />
      <Fault id={`${id}-fault`} words={given.wrong.documents} />
      <p class="note" id={`${id}-about`}>
        Files beside AGENT_FILE that are searched for answers, a pattern a line: Markdown, HTML, CSV, PDF,
        text.
      </p>
    </div>
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
