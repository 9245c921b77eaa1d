# The provider alone, as a wheel on locked dependencies, run by an unprivileged user.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements-serve.lock ./
RUN python -m venv /opt/idp && /opt/idp/bin/pip install --no-cache-dir --require-hashes -r requirements-serve.lock
COPY . ./
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && /opt/idp/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/idp idp \
    && install -d -o idp -g idp -m 700 /var/lib/idp/data
COPY --from=build /opt/idp /opt/idp
ENV PATH=/opt/idp/bin:$PATH PYTHONUNBUFFERED=1 IDP_DATA_DIR=/var/lib/idp/data
USER idp
WORKDIR /var/lib/idp
VOLUME /var/lib/idp/data
EXPOSE 8000
# 0.0.0.0 inside the container; what the world sees is decided by the published port.
CMD ["idp", "serve", "--host", "0.0.0.0", "--port", "8000"]
