import { useEffect, useState } from 'preact/hooks';
import { imageOf } from './api.ts';

/** An entry's image, where it has one. */
export function Picture({ id }: { id: string }) {
  const [url, setUrl] = useState<string | undefined>();
  useEffect(() => {
    let made: string | undefined;
    let isGone = false;
    setUrl(undefined);
    void imageOf(id).then((found) => {
      made = found;
      if (isGone && made !== undefined) URL.revokeObjectURL(made);
      else setUrl(found);
    });
    return () => {
      isGone = true;
      if (made !== undefined) URL.revokeObjectURL(made);
    };
  }, [id]);
  return <div class="picture">{url === undefined ? 'no image' : <img src={url} alt="" />}</div>;
}
