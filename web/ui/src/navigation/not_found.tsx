import { Button } from '@mantine/core';
import { IconMapQuestion } from '../icons';
import { Empty } from '../feedback/empty';
import { navigate } from './location';

export function NotFound() {
  return (
    <Empty icon={IconMapQuestion} title="There is no such page">
      <Button mt="sm" variant="light" onClick={() => navigate('query')}>
        Go to the query page
      </Button>
    </Empty>
  );
}
