import { Badge, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconChartLine } from '../icons';
import { ApiError } from '../api/client';
import type { AlertingRule } from '../api/types';
import { ErrorAlert } from '../feedback/error_alert';
import { Fold } from '../feedback/fold';
import { LabelBadges } from '../labels/label_badges';
import { PageLink } from '../navigation/page_link';
import { Expression } from '../promql/expression';
import { defaultPanel } from '../query/panel_state';
import { encodePanels } from '../query/url_state';
import { Ago } from '../time/ago';
import { formatDuration, humanizeDuration } from '../time/duration';
import { parseApiTime } from '../time/instant';
import { ActiveAlerts } from './active_alerts';
import { Annotations } from './annotations';
import { stateColors } from './groups';

interface Props {
  rule: AlertingRule;
  annotations: boolean;
  open: boolean;
  onToggle: () => void;
}

export function RuleItem({ rule, annotations, open, onToggle }: Props) {
  const alerts = rule.alerts ?? [];
  return (
    <Fold open={open} onToggle={onToggle} head={<RuleHead rule={rule} />} className={`rule rule-${rule.state}`}>
      <Stack gap="sm" className="rule-body">
        <div className="rule-expression">
          <Expression text={rule.query} />
          <PageLink page="query" search={encodePanels([{ ...defaultPanel, expr: rule.query }])} className="rule-link">
            <IconChartLine size={15} aria-hidden /> Open in query page
          </PageLink>
        </div>
        <Group gap="md">
          <Fact name="for" text={formatDuration(rule.duration * 1000)} />
          {(rule.keepFiringFor ?? 0) > 0 && (
            <Fact name="keep firing for" text={formatDuration((rule.keepFiringFor ?? 0) * 1000)} />
          )}
          <Text size="xs" c="dimmed">
            Evaluated <Ago at={parseApiTime(rule.lastEvaluation)} />
            {rule.evaluationTime !== undefined && ` in ${humanizeDuration(rule.evaluationTime * 1000)}`}
          </Text>
        </Group>
        {Object.keys(rule.labels ?? {}).length > 0 && <LabelBadges labels={rule.labels ?? {}} />}
        {annotations && <Annotations annotations={rule.annotations ?? {}} />}
        {rule.lastError && (
          <ErrorAlert error={new ApiError('rule', rule.lastError)} title="The last evaluation failed" />
        )}
        {alerts.length > 0 && <ActiveAlerts alerts={alerts} annotations={annotations} />}
      </Stack>
    </Fold>
  );
}

function RuleHead({ rule }: { rule: AlertingRule }) {
  const active = rule.alerts?.length ?? 0;
  return (
    <>
      <Text component="span" className="fold-title" fw={550}>
        {rule.name}
      </Text>
      <Group gap={6} wrap="nowrap" component="span">
        {rule.health === 'err' && (
          <Badge component="span" color="red" variant="light" leftSection={<IconAlertTriangle size={12} />}>
            evaluation failed
          </Badge>
        )}
        <Badge component="span" color={stateColors[rule.state]} variant={rule.state === 'firing' ? 'filled' : 'light'}>
          {rule.state}
          {active > 0 && ` (${active})`}
        </Badge>
      </Group>
    </>
  );
}

function Fact({ name, text }: { name: string; text: string }) {
  return (
    <Text size="sm" component="span">
      <Text component="span" c="dimmed" size="sm">
        {name}{' '}
      </Text>
      {text}
    </Text>
  );
}
