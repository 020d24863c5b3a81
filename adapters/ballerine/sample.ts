// Realistic requests of Ballerine's, with its members in its own order.
import type { SampleContext, SampleRequest } from '../../src/adapter.ts'

export const sampleTypes = [
  'workflow.completed',
  'workflow.state.changed',
  'workflow.context.document.changed',
  'workflow.context.document.updated',
  'workflow.context.document.completed',
  'workflow.context.changed',
]

export function sample(type: string, { now, uuid }: SampleContext): SampleRequest {
  const [time, earlier] = [new Date(now).toISOString(), new Date(now - 3_600_000).toISOString()]
  const done = type === 'workflow.completed' || type === 'workflow.context.document.completed'
  const body = {
    id: uuid(),
    eventName: type,
    ...(type === 'workflow.state.changed' ? { state: 'manual_review' } : {}),
    apiVersion: '0.7.58',
    timestamp: time,
    ...(type.startsWith('workflow.context.document.')
      ? {
          assignee: { id: cuid(uuid()), firstName: 'Dana', lastName: 'Müller', email: 'dana@example.com' },
          assignedAt: earlier,
        }
      : {}),
    workflowCreatedAt: earlier,
    workflowResolvedAt: done ? time : null,
    workflowDefinitionId: 'kyb_v1',
    workflowRuntimeId: cuid(uuid()),
    ...(type === 'workflow.completed' ? { workflowStatus: 'completed', workflowFinalState: 'approved' } : {}),
    ballerineEntityId: cuid(uuid()),
    correlationId: 'APP-2024-001',
    environment: 'sandbox',
    data: {
      entity: { id: 'APP-2024-001', type: 'business', data: { companyName: 'Example Ltd', businessType: 'SMB' } },
      documents: [
        {
          id: uuid(),
          category: 'business_document',
          type: 'property_rate',
          decision: { status: done ? 'approved' : 'revision', revisionReason: '', rejectionReason: '' },
        },
      ],
      pluginsOutput: {},
    },
  }
  return {
    method: 'POST',
    rest: '',
    query: '',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
}

/** Ballerine's own ids are 25 characters. */
function cuid(uuid: string): string {
  return `c${uuid.replaceAll('-', '').slice(0, 24)}`
}
