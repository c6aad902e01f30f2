/** What calls can be answered by: each engine, model and voice once, and how each stands. Pure. */

import { fallbackWords } from './answered';
import { engineWords, forTests } from './format';
import type { EngineStatus, ModelStatus, RoleEngines } from './schema';

/** Names for a Piper voice of some quality; each of them is also listed as the voice that it is. */
const PRESETS: readonly string[] = ['fast', 'quality', 'high'];

/** The engines that one may choose. A preset is left out where its voices stand under Piper; `kept` stays. */
export function enginesOffered(all: readonly EngineStatus[], kept = ''): EngineStatus[] {
  const piper = all.some((one) => one.name === 'piper');
  return all.filter(({ name }) => name === kept || !(forTests(name) || (piper && PRESETS.includes(name))));
}

/** The models or voices of an engine, each once; behind `auto`, those of the engine that answers for it now. */
export function choicesOf(engine: EngineStatus, all: readonly EngineStatus[]): string[] {
  const behind = engine.answers?.engine;
  const own = engine.name === 'auto' ? (all.find((one) => one.name === behind) ?? engine) : engine;
  const named = own.choices.filter((one) => !PRESETS.includes(one));
  return named.length > 0 ? named : own.choices;
}

/** What answers where a call names this engine and no model of it. */
export const modelBehind = (engine: EngineStatus): string =>
  engine.answers && !engine.answers.instead_of ? engine.answers.model : engine.model;

/** Whether a model or voice has to be downloaded before it can answer. */
export function isAbsent(engine: string, choice: string, models: readonly ModelStatus[]): boolean {
  const owner = PRESETS.includes(engine) ? 'piper' : engine === 'auto' ? 'embedded' : engine;
  const found = models.find((one) => one.engine === owner && one.name === choice);
  return found !== undefined && !found.loaded && ['missing', 'partial'].includes(found.state);
}

/** The default of a role in words: the model that answers or, where nobody knows it, the engine. */
export function defaultWords(role: RoleEngines): string {
  const engine = role.engines.find((one) => one.name === role.default);
  return (engine && modelBehind(engine)) || engineWords(role.default);
}

/** What is short of an engine, for a list of them; empty: nothing. */
export const shortOf = (engine: EngineStatus): string =>
  engine.up === false || engine.state === 'not downloaded' ? engine.state : '';

/** Who answers in place of an engine that cannot, and who did lately: a sentence, or nothing. */
export function standInWords(engine: EngineStatus): string {
  const { answers, fallback } = engine;
  if (engine.up === false)
    return answers
      ? `${answers.model || answers.engine} answers in its place`
      : 'nobody answers in its place';
  if (!fallback) return '';
  const ago =
    fallback.seconds_ago < 90
      ? `${Math.round(fallback.seconds_ago)} s`
      : `${Math.round(fallback.seconds_ago / 60)} min`;
  return `${ago} ago ${fallbackWords(fallback.by)}`;
}
