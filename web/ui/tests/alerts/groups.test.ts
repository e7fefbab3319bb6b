import { expect, test } from 'vitest';
import type { AlertingRule, AlertState, RuleGroup } from '../../src/api/types';
import { alertingGroups, countStates, filterGroups } from '../../src/alerts/groups';

const rule = (name: string, state: AlertState): AlertingRule => ({
  type: 'alerting', name, query: 'up == 0', duration: 0, state, health: 'ok', labels: { severity: 'page' },
});
const recording = { type: 'recording', name: 'x' } as unknown as AlertingRule;
const groups: RuleGroup[] = [
  { name: 'first', file: 'a.yml', interval: 15, rules: [rule('Down', 'firing'), rule('Slow', 'inactive'), recording] },
  { name: 'second', file: 'b.yml', interval: 15, rules: [recording] },
];

test('only groups with alerting rules are shown', () => {
  const shown = alertingGroups(groups);
  expect(shown.map((group) => [group.name, group.rules.length])).toEqual([['first', 2]]);
  expect(countStates(shown[0]?.rules ?? [])).toEqual({ firing: 1, pending: 0, inactive: 1, unknown: 0 });
});

test('rules are filtered by state and words', () => {
  const names = (states: AlertState[], search: string) =>
    filterGroups(alertingGroups(groups), states, search).flatMap((group) => group.rules.map((one) => one.name));
  expect(names(['firing', 'pending'], '')).toEqual(['Down']);
  expect(names([], 'slow severity=page')).toEqual(['Slow']);
  expect(names([], 'nothing')).toEqual([]);
});
