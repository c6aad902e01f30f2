import { expect, test } from 'vitest';
import { SentMessages } from '../src/call/sent';

const said = (sent: SentMessages, ...messages: string[]) => {
  for (const message of messages) sent.add(message, true);
};

test('what had not arrived goes out again, and what was said meanwhile', () => {
  const sent = new SentMessages();
  said(sent, 'a', 'b', 'c');
  sent.add('d', false);
  sent.known(1);
  expect(sent.rest()).toEqual(['b', 'c', 'd']);
  expect(sent.rest()).toEqual([]);
});

test('where all has arrived only what was said meanwhile goes out', () => {
  const sent = new SentMessages();
  said(sent, 'a', 'b');
  sent.add('c', false);
  sent.known(2);
  expect(sent.rest()).toEqual(['c']);
});

test('of a long time the latest twenty seconds are kept, numbered as before', () => {
  const sent = new SentMessages();
  for (let number = 0; number < 5000; number += 1) sent.add(String(number), true);
  sent.known(4998);
  expect(sent.rest()).toEqual(['4998', '4999']);
  sent.known(10);
  expect(sent.rest()).toHaveLength(1000);
});
