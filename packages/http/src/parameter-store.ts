import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';

/** The value of an SSM parameter, decrypted, read with the instance's own role. Throws with the parameter's name. */
export async function readParameter(name: string): Promise<string> {
  const client = new SSMClient({ maxAttempts: 3 });
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    if (Parameter?.Value === undefined) throw new Error('it has no value');
    return Parameter.Value.trim();
  } catch (error) {
    throw new Error(`the SSM parameter ${name} cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    client.destroy();
  }
}
