/** A class that may be called without `new`, as the constructors of `node:net` may. */
export type Callable<T extends abstract new (...args: never[]) => object> = T &
  ((...args: ConstructorParameters<T>) => InstanceType<T>);

export function callable<T extends abstract new (...args: never[]) => object>(Class: T): Callable<T> {
  const both = new Proxy(Class, {
    apply: (target, _self, args: unknown[]) => Reflect.construct(target, args) as object,
  }) as Callable<T>;
  Object.defineProperty(Class.prototype, 'constructor', { value: both, writable: true, configurable: true });
  return both;
}
