// Alerting rules as the page shows them: filtered, counted by state, worst first to the eye.
import type { AlertingRule, AlertState, RuleGroup } from '../api/types';
import { matchesSearch } from '../feedback/search_field';

export type StateCounts = Record<AlertState, number>;

export const alertStates: readonly AlertState[] = ['firing', 'pending', 'inactive', 'unknown'];
export const stateColors: Record<AlertState, string> = {
  firing: 'red',
  pending: 'orange',
  inactive: 'green',
  unknown: 'gray',
};

export function countStates(rules: readonly AlertingRule[]): StateCounts {
  const counts: StateCounts = { firing: 0, pending: 0, inactive: 0, unknown: 0 };
  for (const rule of rules) counts[rule.state]++;
  return counts;
}

/** Groups without alerting rules are not for this page. */
export function alertingGroups(groups: readonly RuleGroup[]): RuleGroup[] {
  return groups
    .map((group) => ({ ...group, rules: group.rules.filter((rule) => rule.type === 'alerting') }))
    .filter((group) => group.rules.length > 0);
}

/** The groups with only the rules that pass; a group that loses all of them is left out. */
export function filterGroups(groups: readonly RuleGroup[], states: readonly AlertState[], search: string): RuleGroup[] {
  return groups
    .map((group) => ({
      ...group,
      rules: group.rules.filter(
        (rule) =>
          (states.length === 0 || states.includes(rule.state)) && matchesSearch(search, searchText(group, rule)),
      ),
    }))
    .filter((group) => group.rules.length > 0);
}

function searchText(group: RuleGroup, rule: AlertingRule): string {
  const labels = [rule.labels ?? {}, ...(rule.alerts ?? []).map((alert) => alert.labels)]
    .flatMap((set) => Object.entries(set))
    .map(([name, value]) => `${name}="${value}" ${name}=${value}`);
  return [rule.name, group.name, group.file, rule.query, rule.lastError ?? '', ...labels].join(' ');
}
