/** `<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:tag|@digest]`. Source: Amazon ECR User Guide, "Private registries". */
export const ECR_IMAGE =
  /^(?<account>\d{12})\.dkr\.ecr\.(?<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/(?<repository>[a-z0-9][a-z0-9._/-]*)(?:[:@]\S+)?$/;

/** Empty where the text is no image in ECR. */
export function partsOfImage(uri: string): { account: string; region: string; repository: string } {
  const { account = '', region = '', repository = '' } = ECR_IMAGE.exec(uri)?.groups ?? {};
  return { account, region, repository };
}
